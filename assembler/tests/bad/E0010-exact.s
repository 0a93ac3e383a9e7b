.equ A = q12!(0.9)  ;//~ ERROR E0010 @14
.equ B = q4!(0.25) + q60!(0.1)  ;//~ ERROR E0010 @26
.equ C = q4!(exp(0))  ;//~ ERROR E0010 @13
.equ D = q12(0.9)
