.dt 1e999  ;//~ ERROR E0003 @5
