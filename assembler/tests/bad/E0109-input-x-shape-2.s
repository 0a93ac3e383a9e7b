.input x shape=[2]
.element -> cor 0 axon 0  ;//~ ERROR E0109 @13
