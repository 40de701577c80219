"""Views: what is shown, in answers and over the stream, one noun a file."""
