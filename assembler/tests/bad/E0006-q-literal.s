.equ A = q12(x)  ;//~ ERROR E0006 @14
