"""Putting a bundle into an app: the files that ship, a Kotlin file that names them, and what the build needs."""
