"""What units do to the tables, one noun a file."""
