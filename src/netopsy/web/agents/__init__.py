"""The lists, papers, evidence and runs of the page as tools for agents, by the Model Context Protocol."""
