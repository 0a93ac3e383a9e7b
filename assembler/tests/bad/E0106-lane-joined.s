.core 0
.group lanes=4
.lane -> + core 0 axon 0  ;//~ ERROR E0106 @12
.lane -> core 0 axon 0 + core 0 axon 1, core 0 axon 2
      -> + core 0 axon 3
