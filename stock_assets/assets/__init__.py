"""The graph's tables, a module a group: declaration, inputs, a call into plain code, what a person wants to see."""
