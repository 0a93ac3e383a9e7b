.option A = 1 0..=1  ;//~ ERROR E0102 @1
