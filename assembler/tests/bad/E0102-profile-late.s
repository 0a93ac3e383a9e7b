.core 0
.profile loihi  ;//~ ERROR E0102 @1
.drain x  ;//~ ERROR E0006 @8
