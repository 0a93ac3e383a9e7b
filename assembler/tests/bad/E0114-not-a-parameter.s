.macro one a
.drain \b  ;//~ ERROR E0114 @8
.drain \a \
;//~^ ERROR E0114 @11
.endm
.drain \a  ;//~ ERROR E0114 @8
