.equ 3 = 1  ;//~ ERROR E0004 @6
