.include "files/nosuch.s"  ;//~ ERROR E0116 @10
.include "spikemesh/nosuch.s"  ;//~ ERROR E0116 @10
.include
;//~^ ERROR E0004 @9
.include "files" more  ;//~ ERROR E0005 @18
