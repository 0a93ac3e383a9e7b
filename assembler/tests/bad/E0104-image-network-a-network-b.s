.image network=a network=b  ;//~ ERROR E0104 @18
