"""What makes a release, and what is checked before it. Not a part of the package."""
