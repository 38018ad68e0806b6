"""The routes, one module a resource. Thin: they ask `Latest` or a query, and return bytes."""
