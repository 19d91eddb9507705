def draw(rows, config): return {}
