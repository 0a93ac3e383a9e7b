.output y shape=[1] readout=most  ;//~ ERROR E0109 @29
