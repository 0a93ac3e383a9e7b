.element -> core 0 axon 0  ;//~ ERROR E0102 @1
