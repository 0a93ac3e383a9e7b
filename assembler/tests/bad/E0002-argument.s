.macro layer n
.endm
layer "open
;//~^ ERROR E0002 @7
