"""Process models of others: BPMN 2.0 is written here."""
