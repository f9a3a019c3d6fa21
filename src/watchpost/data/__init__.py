"""Records in: every reader offers a table as a stream of batches."""
