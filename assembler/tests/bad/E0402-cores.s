.profile tiny  ;//~ NOTE @1
.core 999  ;//~ ERROR E0402 @1
.group lanes=1
.kernel lif
