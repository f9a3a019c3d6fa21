"""What ages out: objects, executions, and what must not be deleted yet."""
