.input x shape=[2]
.element -> core 0 element 0  ;//~ ERROR E0109 @20
