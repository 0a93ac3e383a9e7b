.profile tiny  ;//~ NOTE @1
.profile loihi  ;//~ ERROR E0107 @1
.drain x  ;//~ ERROR E0006 @8
