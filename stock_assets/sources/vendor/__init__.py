"""What the sources that ask a vendor are made of: manners on the wire, and reading what the vendor answered."""
