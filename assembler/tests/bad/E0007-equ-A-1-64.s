.equ A = 1 << 64  ;//~ ERROR E0007 @10
