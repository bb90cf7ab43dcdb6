"""The language in which a planner writes down a sales process."""
