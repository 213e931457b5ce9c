"""Other tools' problems, read as problems of ours."""
