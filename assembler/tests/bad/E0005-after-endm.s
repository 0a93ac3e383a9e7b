.macro m
.endm now  ;//~ ERROR E0005 @7
