"""Server processes: the port, one or several workers, and how they stop. What they answer does not belong here."""
