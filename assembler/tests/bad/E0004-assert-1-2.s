.assert 1 2  ;//~ ERROR E0004 @11
