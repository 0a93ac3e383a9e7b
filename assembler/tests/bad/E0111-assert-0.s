.assert 0  ;//~ ERROR E0111 @9
