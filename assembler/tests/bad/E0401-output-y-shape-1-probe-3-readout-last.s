.output y shape=[1] probe=3 readout=last  ;//~ ERROR E0401 @1
