"""What the server answers about the portfolio: the released one, and weights and orders solved for as asked."""
