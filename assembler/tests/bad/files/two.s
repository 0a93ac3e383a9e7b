; back to the first
  .include "./one.s"  ;//~ ERROR E0117 @12
