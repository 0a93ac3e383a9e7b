.include "E0117-itself.s"  ;//~ ERROR E0117 @10
.drain x  ;//~ ERROR E0006 @8
