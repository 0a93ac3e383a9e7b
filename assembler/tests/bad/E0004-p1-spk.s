@p1 spk  ;//~ ERROR E0004 @1
