"""One execution, in a process of its own: from the request to the reports."""
