.equ p0 = 1  ;//~ ERROR E0211 @6
