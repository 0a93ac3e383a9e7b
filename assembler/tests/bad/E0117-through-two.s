.include "files/one.s"  ;//~ NOTE @1
