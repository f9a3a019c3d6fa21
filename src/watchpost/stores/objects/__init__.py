"""Objects: what `s3://bucket/key` means here. `objects` holds what is asked of a store; one back end a file."""
