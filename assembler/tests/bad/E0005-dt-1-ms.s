.dt 1 ms  ;//~ ERROR E0005 @7
