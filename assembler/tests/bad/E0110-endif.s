.endif  ;//~ ERROR E0110 @1
