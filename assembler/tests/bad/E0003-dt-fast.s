.dt fast  ;//~ ERROR E0003 @5
