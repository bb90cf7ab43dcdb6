"""salessim: try changes to a sales process before rolling them out."""

__version__ = "0.1.0"
