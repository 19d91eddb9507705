from netopsy.graphs.orbits.matrices import orbit_adjacencies, orbit_adjacency
