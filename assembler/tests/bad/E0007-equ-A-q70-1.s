.equ A = q70(1)  ;//~ ERROR E0007 @13
